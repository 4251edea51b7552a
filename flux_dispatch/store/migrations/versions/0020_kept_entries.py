"""What keeps the audit log goes by our own tables, whatever a session has of the same name."""

from alembic import op
from sqlalchemy import text

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Fix where the function looks: a temporary table `accounts` told it that the account of any entry is erased."""
    schema = op.get_bind().execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    fixed = f"ALTER FUNCTION {schema}.flux_keep_audit_entries() SET search_path = {schema}, pg_temp"
    op.get_bind().exec_driver_sql(fixed)
