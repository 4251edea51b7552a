"""The same shop with asyncio: SQLAlchemy's AsyncSession, on asyncpg."""

import asyncio
import os
import sys
from decimal import Decimal

from flux_webhooks import outbox
from shop import Base, Order
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine


async def complete_order(session: AsyncSession, order: Order) -> str:
    """Complete an order, and return the id of the event."""
    order.status = "completed"
    data = {"order": order.id, "total": order.total}
    return await outbox.publish_async(session, os.environ["ACCOUNT"], "order.completed", data)


async def main() -> None:
    """Complete the order of the command line."""
    engine = create_async_engine(os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine) as session, session.begin():
        order = await session.merge(Order(id=int(sys.argv[1]), total=Decimal(sys.argv[2]), status="open"))
        sys.stdout.write(await complete_order(session, order) + "\n")
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main())
