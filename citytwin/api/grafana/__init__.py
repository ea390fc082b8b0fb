"""The city as a data source of Grafana: the interface that its JSON data sources speak."""
