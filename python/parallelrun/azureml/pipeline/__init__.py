"""As `azureml.pipeline`."""
