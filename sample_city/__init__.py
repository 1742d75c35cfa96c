"""The synthetic city: extracts as departments would deliver them, with documented defects.

Everything it writes says that it is synthetic.
"""
