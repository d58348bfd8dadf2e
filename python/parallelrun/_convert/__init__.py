"""`parallelrun convert`: manifests from Azure ML's pipelines, batch deployments and programs with ParallelRunStep."""
