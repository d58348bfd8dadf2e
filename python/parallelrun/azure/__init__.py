"""The names of Azure's SDK v2 that belong to parallel jobs: write `parallelrun.` in front (docs/migration.md)."""
