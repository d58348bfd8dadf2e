import os

from azureml.core import Dataset, Datastore, Environment, Workspace
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.runconfig import DEFAULT_GPU_IMAGE
from azureml.data import OutputFileDatasetConfig
from azureml.pipeline.core import Pipeline, PipelineParameter
from azureml.pipeline.steps import ParallelRunConfig, ParallelRunStep

raise SystemExit("it must never be executed")

ws = Workspace.from_config()
mnist_data = Datastore.register_azure_blob_container(
    ws,
    datastore_name="mnist_datastore",
    container_name="sampledata",
    account_name="pipelinedata",
    overwrite=True,
)
def_data_store = ws.get_default_datastore()
mnist_ds_name = "mnist_sample_data"
path_on_datastore = mnist_data.path("mnist")
named_mnist_ds = Dataset.File.from_files(path=path_on_datastore, validate=False).as_named_input(mnist_ds_name)
label_ds = Dataset.File.from_files("labels/labels.csv").register(ws, "labels", create_new_version=True)
label_config = label_ds.as_named_input("labels_input").as_mount("/tmp/labels")
output_dir = OutputFileDatasetConfig(name="inferences", destination=(def_data_store, "scores/{run-id}"))

batch_env = Environment(name="batch_environment")
batch_env.python.conda_dependencies = CondaDependencies.create(
    python_version="3.7",
    pip_packages=["tensorflow==1.15.2", "pillow", "azureml-core", "azureml-dataset-runtime[fuse]"],
)
batch_env.docker.base_image = DEFAULT_GPU_IMAGE

scripts_folder = os.path.join(".", "scripts")
nodes = 2
if os.environ.get("MANY"):
    nodes = 8
parallel_run_config = ParallelRunConfig(
    source_directory=scripts_folder,
    entry_script="digit_identification.py",
    mini_batch_size=PipelineParameter(name="batch_size_param", default_value="5"),
    error_threshold=10,
    output_action="append_row",
    append_row_file_name="mnist_outputs.txt",
    environment=batch_env,
    compute_target=ws.compute_targets["gpu-cluster"],
    process_count_per_node=PipelineParameter(name="process_count_param", default_value=2),
    node_count=nodes,
    run_invocation_timeout=int(os.environ["SECONDS"]),
    run_max_tries=4,
)

parallelrun_step = ParallelRunStep(
    name="predict-digits-mnist",
    parallel_run_config=parallel_run_config,
    inputs=[named_mnist_ds],
    side_inputs=[label_config],
    arguments=[
        "--labels_dir",
        label_config,
        "--threshold",
        0.5,
        "--out",
        output_dir,
        "--cost",
        "$(5)",
        os.getcwd(),
    ],
    output=output_dir,
    allow_reuse=False,
)
pipeline = Pipeline(workspace=ws, steps=[parallelrun_step])
