import os

from azureml.core import Dataset, Environment, Model, Workspace
from azureml.data import OutputFileDatasetConfig
from azureml.pipeline.steps import ParallelRunConfig, ParallelRunStep

ws = Workspace.from_config()
store = ws.get_default_datastore()
numbers = Dataset.File.from_files("numbers/*.txt")
numbers.register(ws, "numbers_2024", description="of 2024", tags={"year": 2024})
table = Dataset.Tabular.from_delimited_files("tables/*.csv", separator=";").register(ws, "table")
claimed = Dataset.Tabular.from_parquet_files((store, "sales/*.parquet")).register(
    workspace=ws, name="sales", create_new_version=True
)
several = Dataset.File.from_files(["numbers", "tables"]).register(ws, "unused-by-steps")
labels = Dataset.File.from_files("labels/labels.csv").register(ws, "labels", description="in German")
newer = Dataset.File.from_files("labels-2/labels.csv").register(ws, "labels", create_new_version=True)
reviews = Dataset.get_by_name(ws, "reviews", version=3)
newest = ws.datasets["customers"]
renamed = Dataset.get_by_name(ws, "Shops", "latest").register(ws, "Shops EU")
odd = Dataset.get_by_name(ws, "odd", version="2024a")
dated = Dataset.get_by_name(ws, "dated", version=os.environ["DATE"])
unnamed = Dataset.File.from_files("numbers").register(ws, os.environ["NAME"])
tagged = Dataset.File.from_files("numbers").register(ws, "tagged", tags={"by": os.getlogin()})
queried = Dataset.Tabular.from_sql_query((store, "select * from rows")).register(ws, "queried")
typed_again = Dataset.File.from_files("tables").register(ws, "sales", create_new_version=True)
Model.register(ws, model_path="model", model_name="mnist")
env = Environment("score")
env.register(ws)
scores = OutputFileDatasetConfig(name="scores").register_on_complete("scores")
config = ParallelRunConfig(
    source_directory="scripts", entry_script="score.py", environment=env, append_row_file_name="scores.txt"
)
first = ParallelRunStep(
    name="first-step",
    parallel_run_config=config,
    inputs=[
        numbers.as_named_input("numbers"),
        reviews.as_named_input("reviews"),
        odd.as_named_input("odd"),
        unnamed.as_named_input("unnamed"),
    ],
    side_inputs=[
        labels.as_named_input("labels").as_mount("/tmp/labels"),
        newest.as_named_input("customers"),
        several.as_named_input("several"),
    ],
    arguments=["--labels", labels, "--out", scores],
    output=scores,
)
second = ParallelRunStep(
    name="second-step",
    parallel_run_config=config,
    inputs=[
        claimed.as_named_input("sales"),
        table.as_named_input("table"),
        renamed.as_named_input("shops"),
        dated.as_named_input("dated"),
    ],
)
third = ParallelRunStep(name="third-step", parallel_run_config=config, inputs=[scores.as_input("scores")])
