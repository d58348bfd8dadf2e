"""Makes build/demo/sql/shop.db, a SQLite database with 40,000 orders of 900 customers, and the file with its url."""

import random
import sqlite3
import sys
from pathlib import Path

root = Path(
    sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parents[2] / "build" / "demo" / "sql"
)
root.mkdir(parents=True, exist_ok=True)
database = root / "shop.db"
database.unlink(missing_ok=True)
random.seed(7)
with sqlite3.connect(database) as shop:
    shop.execute("PRAGMA journal_mode = WAL")  # so that the job sees one state, whoever writes meanwhile
    shop.execute(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, amount REAL, day TEXT)"
    )
    shop.execute("CREATE INDEX by_customer ON orders (customer)")
    # Some customers buy often.
    shop.executemany(
        "INSERT INTO orders (customer, amount, day) VALUES (?, ?, ?)",
        (
            (
                int(900 * random.random() ** 3),
                round(random.expovariate(1 / 30), 2),
                f"2026-{random.randint(1, 12):02}-{random.randint(1, 28):02}",
            )
            for _ in range(40_000)
        ),
    )
shop.close()
url = root / "db.yaml"
url.write_text(f"url: sqlite:///{database}\n")
url.chmod(0o600)
print(f"{database} and {url}")
