"""What boards are made of.

In: plain rows of ``queries`` modules, through one `hub.Hub` per process. Out: calls of library verbs in the name of
the person who signed in. `frame` is the page around every board, `theme` the marks, colours and times, `fragment`
HTML that answers clicks, `auth` the sign-in, `actions` the changing verbs.
"""
