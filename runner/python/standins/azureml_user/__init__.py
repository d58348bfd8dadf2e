"""Stand-in for the part of azureml_user that entry scripts import."""
