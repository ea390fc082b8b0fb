"""Drainage: sewage and storm networks, pump stations and treatment plants."""
