"""Who is told what? Events become messages in an outbox of the store, and go out by channels that may be away for a day."""
