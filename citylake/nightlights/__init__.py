"""Urban expansion measured from night lights: calibration, thresholds, patches, shape measures. Pixels stay in here."""
