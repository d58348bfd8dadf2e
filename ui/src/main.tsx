import { render } from "preact";
import { takeToken } from "./api/session";
import { App } from "./app";
import "./style/base.css";
import "./style/table.css";
import "./style/job.css";
import "./style/log.css";
import "uplot/dist/uPlot.min.css";

const page = document.getElementById("page");
if (page) render(<App token={takeToken()} />, page);
