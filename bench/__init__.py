"""Benches: figures taken in one run, so that machines need not be alike.

A bench is a module here with a function ``rows()``; ``__main__`` lists them.
"""
