// The frame of all pages: the route, the head, what the server's silence means, and the end of a token.
import type { VNode } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { takeToken } from "./api/session";
import { Banner, Footer, Head } from "./frame";
import { Help } from "./help";
import { JobPage } from "./job/job_page";
import { JobsPage } from "./jobs/jobs_page";
import { Model } from "./model";
import { useCell } from "./parts/cell";
import { useShortcuts } from "./parts/shortcuts";
import { go, routeOf, type Route } from "./route";

export function App(props: { token: string | null }): VNode {
  const [token, setToken] = useState(props.token);
  const [ended, setEnded] = useState("");

  // Another link of the server, opened in the same tab.
  useEffect(() => {
    const onHash = () => {
      if (!location.hash.startsWith("#token=")) return;
      setEnded("");
      setToken(takeToken());
    };
    addEventListener("hashchange", onHash);
    return () => removeEventListener("hashchange", onHash);
  }, []);

  if (token === null) return <NoToken message={ended} />;
  return (
    <Inside
      key={token}
      token={token}
      onEnd={(message) => {
        setEnded(message);
        setToken(null);
      }}
    />
  );
}

function NoToken({ message }: { message: string }): VNode {
  useEffect(() => {
    document.title = "ParallelRunJob";
    if (message !== "") history.replaceState(null, "", location.pathname);
  }, [message]);
  return (
    <main class="alone">
      <h1>{message === "" ? "This page needs the link with its token" : "The token of this page has ended"}</h1>
      {message === "" ? null : <p role="alert">{message}</p>}
      <p>
        Start <code>parallelrun ui</code> in a terminal and open the link that it prints. A link is good until that
        program ends.
      </p>
    </main>
  );
}

function useRoute(): Route {
  const [route, setRoute] = useState(() => routeOf(location.hash));
  useEffect(() => {
    const onHash = () => setRoute(routeOf(location.hash));
    addEventListener("hashchange", onHash);
    return () => removeEventListener("hashchange", onHash);
  }, []);
  return route;
}

function Inside(props: { token: string; onEnd: (message: string) => void }): VNode {
  const model = useMemo(() => new Model(props.token, props.onEnd), []);
  const route = useRoute();
  const [help, setHelp] = useState(false);
  const main = useRef<HTMLElement>(null);
  const place = route.page === "job" ? route.id : "";
  const before = useRef(place);
  const said = useCell(model.said);

  useEffect(() => () => model.end(), [model]);
  useEffect(() => model.show(route), [model, place]);
  useEffect(() => {
    // A screen reader follows the focus to the new page.
    if (before.current !== place) main.current?.focus();
    before.current = place;
  }, [place]);

  useShortcuts({
    "?": () => setHelp(true),
    u: route.page === "job" ? () => go({ page: "jobs" }) : undefined,
  });

  return (
    <div class={`frame frame-${route.page}`}>
      <a
        class="skip"
        href="#page-main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to the content
      </a>
      <Head model={model} onHelp={() => setHelp(true)} />
      <Banner model={model} />
      <main ref={main} id="page-main" tabIndex={-1} class="main">
        {route.page === "job" ? <JobPage key={route.id} model={model} route={route} /> : <JobsPage model={model} />}
      </main>
      <Footer said={said} onGone={() => model.said.set(null)} />
      {help ? <Help onClose={() => setHelp(false)} /> : null}
    </div>
  );
}
