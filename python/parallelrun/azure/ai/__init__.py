"""As `azure.ai`."""
