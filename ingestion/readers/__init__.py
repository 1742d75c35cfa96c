"""Readers of extracts: from bytes to text columns with line numbers, bad lines apart."""
