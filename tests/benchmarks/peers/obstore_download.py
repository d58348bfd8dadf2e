"""usage: obstore_download.py ENDPOINT BUCKET FOLDER: all objects of a bucket into a folder, 32 at a time, with the keys of the environment."""

import asyncio
import os
import sys
from pathlib import Path

import obstore
from obstore.store import S3Store


async def main(endpoint, bucket, folder):
    store = S3Store(
        bucket,
        endpoint=endpoint,
        region="us-east-1",
        client_options={"allow_http": True},
    )
    at_a_time = asyncio.Semaphore(32)

    async def one(name):
        async with at_a_time:
            answer = await obstore.get_async(store, name)
            with open(folder / Path(name).name, "wb") as file:
                async for block in answer.stream():
                    file.write(block)

    names = [entry["path"] async for entries in obstore.list(store) for entry in entries]
    await asyncio.gather(*map(one, names))


if __name__ == "__main__":
    endpoint, bucket, folder = sys.argv[1:]
    Path(folder).mkdir(parents=True)
    asyncio.run(main(endpoint, bucket, Path(folder)))
    os._exit(0)  # obstore 0.12.1 sometimes aborts in Python's own end, when all is written
