"""Jobs whose input is a table or a query of a database."""

import json

from store_job import StoreJob


class SqlJob(StoreJob):
    """`url`: of the database, in a file of credentials."""

    def __init__(self, root, url):
        super().__init__(root)
        self.url = url

    def table(self, **source):
        """The source, and fields of the input after `also`."""
        also = source.pop("also", {})
        self.spec["inputs"] = [
            {
                "name": "table",
                "type": "tabular",
                "source": {"sql": {**source, "credentials": {"secretName": "db"}}},
                **also,
            }
        ]
        return self

    def given(self, url=None):
        return ("--credentials", self.credentials(f"url: '{url or self.url}'\n", "db"))

    def run(self, *options, **more):
        return super().run(*self.given(), *options, **more)

    def start(self, *options, **more):
        return super().start(*self.given(), *options, **more)

    def json_rows(self):
        return [json.loads(row) for row in self.rows()]
