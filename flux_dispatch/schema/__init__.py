"""JSON Schemas, compiled: the only room that knows the library that checks data against them."""
