"""Data contracts: what a department promised to deliver, as types that the rest of the system reads."""
