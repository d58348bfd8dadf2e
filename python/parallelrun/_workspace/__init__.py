"""The classes of ParallelRunStep over a workspace that is a folder; parallelrun.azureml gives them Azure's names."""
