"""Who a workspace of Azure is opened as. A folder asks nobody; a namespace keeps the keys of its datastores in Secrets."""

from typing import Any, Callable, Dict

from parallelrun._workspace.accepted import accepted


class ServicePrincipalAuthentication:
    """In a workspace that is a namespace it opens the containers that are registered there, as a Secret of the namespace.
    A folder makes no use of it, and keeps nothing of it."""

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
        # Not where vars(), pickle or a notebook's table of variables show it.
        self._password: Callable[[], str] = lambda: service_principal_password

    def keys(self) -> Dict[str, str]:
        """As a Secret has them."""
        return {
            "tenantId": self.tenant_id,
            "clientId": self.service_principal_id,
            "clientSecret": self._password(),
        }

    def __repr__(self) -> str:
        return f"<ServicePrincipalAuthentication of {self.service_principal_id}>"


class InteractiveLoginAuthentication:
    """Taken so that programs run unchanged; nobody is asked to log in."""

    def __init__(self, *_: Any, **__: Any) -> None:
        accepted(
            "InteractiveLoginAuthentication",
            "it is not used; a folder asks nobody, and for a namespace the kubeconfig says who you are",
        )


def say_not_used(auth: Any, level: int) -> None:
    """Of a workspace that is a folder."""
    if isinstance(auth, ServicePrincipalAuthentication):
        accepted(
            "ServicePrincipalAuthentication",
            "it is not used and its password is not kept, because the workspace is a folder of this machine",
            level + 1,
        )
