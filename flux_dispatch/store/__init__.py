"""The truth: tables and statements on PostgreSQL, one transaction for each verb."""
