"""From a document to a tracked plan: read into a draft, decided on record by record, published."""
