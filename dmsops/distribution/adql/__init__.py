"""ADQL (IVOA 2.0 and 2.1) over published tables: text to a query of the database that can do nothing but read them.

`grammar.parse` reads the text, `translate.translate` makes a query of SQLAlchemy from it, `run` asks it within bounds of rows and time.
Whatever a text names must be known to the translation: a table, a column, a function, a kind of clause. What it gives as a value
becomes a bound parameter. So no words of a request reach the database.
"""
