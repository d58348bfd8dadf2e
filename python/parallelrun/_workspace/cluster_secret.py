"""Secrets of the namespace that a workspace makes."""

from typing import Mapping, Optional

from parallelrun._cluster import Cluster, Object

# Whose value says that the SDK has made it, and may change it.
LABEL = "parallelrun.dev/made-by"
MAKER = "workspace"


def keep_secret(cluster: Cluster, name: str, keys: Mapping[str, str]) -> str:
    """Makes the Secret, or gives it these keys in place of its own; its name. ValueError: somebody else has made it."""

    def changed(there: Optional[Object]) -> Object:
        made: Object = {"metadata": {"labels": {LABEL: MAKER}}, "stringData": dict(keys)}
        if there is None:
            return {**made, "type": "Opaque"}
        if (there["metadata"].get("labels") or {}).get(LABEL) != MAKER:
            raise ValueError(
                f"the keys would become the Secret '{name}', and there is one of that name which this program has not made; name a "
                "Secret with them: secret_name=..."
            )
        # What it had besides belongs to earlier keys.
        made["data"] = {key: None for key in there.get("data") or {} if key not in keys}
        return made

    cluster.change("Secret", name, changed)
    return name
