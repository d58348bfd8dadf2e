"""Who a workspace of Azure is opened as. A folder asks nobody."""

from typing import Any

from parallelrun._workspace.accepted import accepted


class ServicePrincipalAuthentication:
    """Taken so that programs run unchanged. Nothing is kept of it: the workspace is a folder of this machine."""

    def __init__(
        self,
        tenant_id: str,
        service_principal_id: str,
        service_principal_password: str,
        cloud: str = "AzureCloud",
        **_: Any,
    ) -> None:
        self.tenant_id = tenant_id
        self.service_principal_id = service_principal_id
        accepted(
            "ServicePrincipalAuthentication",
            "it is not used and its password is not kept, because the workspace is a folder of this machine",
        )

    def __repr__(self) -> str:
        return f"<ServicePrincipalAuthentication of {self.service_principal_id}, not used>"


class InteractiveLoginAuthentication:
    """Taken so that programs run unchanged; nobody is asked to log in."""

    def __init__(self, *_: Any, **__: Any) -> None:
        accepted(
            "InteractiveLoginAuthentication",
            "it is not used, because the workspace is a folder of this machine",
        )
