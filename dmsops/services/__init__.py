"""Services: what the site answers over HTTP, to people and to programs that act for them.

Comes in: requests with a person's token. Goes out: answers made by the same verbs and queries as on the command line.
Each service has one module; it is started by ``dmsops serve`` and writes one line per answer into the site's log, without the token.
"""
