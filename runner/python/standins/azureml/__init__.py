"""Stand-in for the part of azureml that entry scripts import where azureml-core is not installed."""
