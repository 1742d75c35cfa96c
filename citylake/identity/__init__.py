"""Who is who: linking records to persons, and the keeper of their keys. The only place that makes a person's key."""
