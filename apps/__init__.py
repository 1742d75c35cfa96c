"""What people touch: the command line, the cockpit and the SQL shell."""
