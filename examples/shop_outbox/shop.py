"""A shop on the same PostgreSQL, with SQLAlchemy: an order is completed and its event is written, both or neither."""

import os
import sys
from decimal import Decimal

from flux_webhooks import outbox
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    """The tables of the shop."""


class Order(Base):
    """An order of a customer."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    total: Mapped[Decimal]
    status: Mapped[str]


def complete_order(session: Session, order: Order) -> str:
    """Complete an order, and return the id of the event: it exists if the session is committed, and else never did."""
    order.status = "completed"
    data = {"order": order.id, "total": order.total}
    return outbox.publish(session, os.environ["ACCOUNT"], "order.completed", data)


if __name__ == "__main__":
    engine = create_engine(os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1))
    Base.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        order = session.merge(Order(id=int(sys.argv[1]), total=Decimal(sys.argv[2]), status="open"))
        sys.stdout.write(complete_order(session, order) + "\n")
