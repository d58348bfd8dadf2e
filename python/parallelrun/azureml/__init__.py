"""The classes of Azure ML's SDK v1 that belong to ParallelRunStep, under their own paths: write `parallelrun.` in front.

    from parallelrun.azureml.core import Dataset, Experiment, Workspace
    from parallelrun.azureml.pipeline.core import Pipeline, PipelineParameter
    from parallelrun.azureml.pipeline.steps import ParallelRunConfig, ParallelRunStep

A workspace is a folder, and every compute target is this machine (docs/migration.md). Entry scripts keep their
imports: the runner gives them `azureml.core` and `azureml_user`.
"""

from parallelrun._workspace.accepted import AcceptedWithoutEffect

__all__ = ["AcceptedWithoutEffect"]
