"""The same shop with psycopg and no code of Flux Dispatch: one SQL function, which any driver can call."""

import json
import os
import sys

import psycopg


def complete_order(connection: psycopg.Connection, order: int, total: str) -> str:
    """Complete an order, and return the id of the event."""
    connection.execute("UPDATE orders SET status = 'completed' WHERE id = %s", (order,))
    event, code, param, message = connection.execute(
        "SELECT * FROM flux_publish(%s, %s, %s, %s)",
        (
            os.environ["ACCOUNT"],
            "order.completed",
            json.dumps({"order": order, "total": total}),
            f"order-{order}-completed",
        ),
    ).fetchone() or ("", "", "", "")
    if code:
        raise ValueError(f"{code}, {param}: {message}")  # the transaction may go on all the same
    return str(event)


if __name__ == "__main__":
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS orders (id int PRIMARY KEY, total numeric, status text)")
        connection.execute(
            "INSERT INTO orders VALUES (%s, %s, 'open') ON CONFLICT (id) DO NOTHING", (sys.argv[1], sys.argv[2])
        )
        sys.stdout.write(complete_order(connection, int(sys.argv[1]), sys.argv[2]) + "\n")
