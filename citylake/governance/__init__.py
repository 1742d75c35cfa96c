"""The audit that stands between a computed run and its release."""
