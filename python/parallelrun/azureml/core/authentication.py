"""As `azureml.core.authentication`."""

from parallelrun._workspace.authentication import (
    InteractiveLoginAuthentication,
    ServicePrincipalAuthentication,
)

__all__ = ["InteractiveLoginAuthentication", "ServicePrincipalAuthentication"]
