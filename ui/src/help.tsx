import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { Dialog } from "./parts/dialog";
import { setShortcuts, shortcutsOn } from "./parts/shortcuts";

const groups: [string, [string[], string][]][] = [
  [
    "Everywhere",
    [
      [["?"], "this list"],
      [["/"], "filter the jobs, or search the log"],
      [["Esc"], "close a window, leave a field"],
    ],
  ],
  [
    "The list of jobs",
    [
      [["↓", "↑", "j", "k"], "next and previous row"],
      [["Page ↓", "Page ↑", "Home", "End"], "far"],
      [["Enter"], "open the job"],
    ],
  ],
  [
    "A job",
    [
      [["u"], "back to the list"],
      [["1", "…", "6"], "the parts of the page"],
    ],
  ],
  [
    "A log",
    [
      [["n", "N"], "next and previous place that the search found"],
      [["e"], "next error"],
      [["f"], "follow the end of the log"],
      [["↓", "↑", "Page ↓", "Home", "End"], "move"],
    ],
  ],
];

export function Help({ onClose }: { onClose: () => void }): VNode {
  const [on, setOn] = useState(shortcutsOn());
  return (
    <Dialog title="Keys" onClose={onClose} className="help">
      <div class="help-groups">
        {groups.map(([title, keys]) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {keys.map(([names, what]) => (
                <div key={what}>
                  <dt>
                    {names.map((name) => (
                      <kbd key={name}>{name}</kbd>
                    ))}
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <div class="dialog-foot">
        <label class="check">
          <input
            type="checkbox"
            checked={on}
            onChange={(event) => {
              setShortcuts(event.currentTarget.checked);
              setOn(event.currentTarget.checked);
            }}
          />
          Keys without Ctrl are on
        </label>
        <button type="button" class="button primary" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
