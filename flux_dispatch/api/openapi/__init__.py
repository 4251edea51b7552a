"""The OpenAPI document: what the routes say of themselves, put together into one description of the API."""
