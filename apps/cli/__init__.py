"""The citylake command: one module a group of commands; it parses, calls and prints."""
