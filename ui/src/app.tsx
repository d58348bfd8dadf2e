// The frame of all pages: who may come in, the route, the head, what the server's silence means, the end of a token.
import type { VNode } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { firstAnswer, type ApiError } from "./api/client";
import { keepNamespace, keptNamespace, takeToken, type Access } from "./api/session";
import { Banner, Footer, Head } from "./frame";
import { Help } from "./help";
import { JobPage } from "./job/job_page";
import { JobsPage } from "./jobs/jobs_page";
import { Model } from "./model";
import { useCell } from "./parts/cell";
import { useShortcuts } from "./parts/shortcuts";
import { go, routeOf, type Route } from "./route";
import { SignIn } from "./sign_in";

type Stage =
  | { at: "asking"; access: Access }
  | { at: "inside"; access: Access; visit: number }
  // `known`: who looks is known, and whose jobs he wants to see is asked for.
  | { at: "signIn"; known: boolean; token: string | null; error: ApiError | null }
  | { at: "closed"; message: string };

let visits = 0;

function inside(access: Access): Stage {
  return { at: "inside", access, visit: ++visits };
}

function signIn(access: Access, error: ApiError, silently = false): Stage {
  const unknown = error.status === 401;
  return { at: "signIn", known: !unknown, token: unknown ? null : access.token, error: silently ? null : error };
}

const ofLink = (token: string): Access => ({ token, namespace: "", by: "link" });

export function App(props: { token: string | null }): VNode {
  const [stage, setStage] = useState<Stage>(() =>
    props.token !== null
      ? inside(ofLink(props.token))
      : { at: "asking", access: { token: null, namespace: keptNamespace(), by: "viewer" } },
  );

  // Another link of the server, opened in the same tab.
  useEffect(() => {
    const onHash = () => {
      if (!location.hash.startsWith("#token=")) return;
      const token = takeToken();
      if (token !== null) setStage(inside(ofLink(token)));
    };
    addEventListener("hashchange", onHash);
    return () => removeEventListener("hashchange", onHash);
  }, []);

  // The server says what it takes: its link, a token of the viewer, or what a proxy has added.
  useEffect(() => {
    if (stage.at !== "asking") return undefined;
    let left = false;
    void firstAnswer(stage.access).then((error) => {
      if (left) return;
      if (error === null) setStage(inside(stage.access));
      else if (error.status === 401 && error.reason !== "SignIn") setStage({ at: "closed", message: "" });
      // Nobody has said yet that he has a token: that is no trouble.
      else if (error.status === 401 && stage.access.token === null) setStage(signIn(stage.access, error, true));
      else setStage(signIn(stage.access, error));
    });
    return () => {
      left = true;
    };
  }, [stage]);

  if (stage.at === "asking") return <main class="alone" aria-busy="true" />;
  if (stage.at === "closed") return <NoToken message={stage.message} />;
  if (stage.at === "signIn")
    return (
      <SignIn
        known={stage.known}
        token={stage.token}
        error={stage.error}
        onAccess={(access) => {
          keepNamespace(access.namespace);
          setStage({ at: "asking", access });
        }}
      />
    );
  const { access } = stage;
  return (
    <Inside
      key={stage.visit}
      access={access}
      onEnd={(error) =>
        setStage(access.by === "link" ? { at: "closed", message: error.message } : signIn(access, error))
      }
      onLeave={() => setStage({ at: "signIn", known: access.token === null, token: null, error: null })}
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

function Inside(props: { access: Access; onEnd: (error: ApiError) => void; onLeave: () => void }): VNode {
  const model = useMemo(() => new Model(props.access, props.onEnd), []);
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
      <Head model={model} onHelp={() => setHelp(true)} onLeave={props.onLeave} />
      <Banner model={model} />
      <main ref={main} id="page-main" tabIndex={-1} class="main">
        {route.page === "job" ? <JobPage key={route.id} model={model} route={route} /> : <JobsPage model={model} />}
      </main>
      <Footer said={said} onGone={() => model.said.set(null)} />
      {help ? <Help onClose={() => setHelp(false)} /> : null}
    </div>
  );
}
