// The form of a page in a cluster: the viewer's own token, and whose jobs he wants to see.
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { ApiError } from "./api/client";
import { keptNamespace, namespacesIn, tokenIn, type Access } from "./api/session";

export function SignIn(props: {
  known: boolean; // who looks is known: only the namespace is wanted
  token: string | null; // of who is known; none: a proxy adds it
  error: ApiError | null;
  onAccess: (access: Access) => void;
}): VNode {
  const { error } = props;
  const [text, setText] = useState("");
  const [namespace, setNamespace] = useState(keptNamespace);
  const first = useRef<HTMLInputElement>(null);
  const signedIn = props.known;

  useEffect(() => {
    document.title = "Sign in – ParallelRunJob";
    first.current?.focus();
  }, []);

  const submit = (event: Event) => {
    event.preventDefault();
    const given = tokenIn(text);
    const token = given === "" ? props.token : given;
    props.onAccess({ token, namespace: namespacesIn(namespace), by: "viewer" });
  };

  return (
    <main class="alone">
      <h1>{signedIn ? "Whose jobs?" : "Sign in"}</h1>
      {error === null ? null : <p role="alert">{error.message}</p>}
      {!window.isSecureContext ? (
        <p role="alert">
          This page came by plain HTTP, so a token that is typed here could be read on its way. Open it by https, or by{" "}
          <code>kubectl port-forward</code>.
        </p>
      ) : (
        <form class="sign-in" onSubmit={submit}>
          {signedIn ? null : (
            <label>
              Your bearer token
              <input
                ref={first}
                type="password"
                autoComplete="off"
                spellcheck={false}
                value={text}
                onInput={(event) => setText(event.currentTarget.value)}
              />
            </label>
          )}
          <label>
            Namespace
            <input
              ref={signedIn ? first : null}
              type="text"
              autoComplete="off"
              spellcheck={false}
              placeholder="all that the server shows; or red, blue"
              value={namespace}
              onInput={(event) => setNamespace(event.currentTarget.value)}
            />
          </label>
          <button type="submit" class="button">
            Show the jobs
          </button>
        </form>
      )}
      <p>
        You see and do here what the cluster lets you see and do, and nothing else. The token stays in the memory of this
        page and of the server: reload the page, and it is gone.{" "}
        {signedIn ? null : (
          <>
            <code>kubectl create token ACCOUNT -n NAMESPACE</code> makes one of a service account.
          </>
        )}
      </p>
    </main>
  );
}
