"""Components of Azure ML's SDK v2 with parallel tasks; parallelrun.azure.ai.ml gives them Azure's names."""
