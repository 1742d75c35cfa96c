"""The analysts' SQL shell on a release, locked down."""
