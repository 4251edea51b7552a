"""What all tables share; apart from them, so that none imports another for it."""

from typing import Final

from sqlalchemy import MetaData, text
from sqlalchemy.dialects.postgresql import TIMESTAMP

metadata = MetaData()

INSTANT: Final = TIMESTAMP(timezone=True)
NEW_ID: Final = text("flux_new_id()")
NOW: Final = text("flux_now()")
