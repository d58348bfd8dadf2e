// A table of any length of which only the rows in sight are in the document.
import { Component, type ComponentChildren, type RefObject, type VNode } from "preact";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { clamp, rowForKey, scrollTo, tallestPx, windowAt } from "./window";

export interface Column<Row> {
  key: string;
  title: string;
  /** Of the cell and the heading; gives the width too. */
  className?: string;
  cell(row: Row): ComponentChildren;
  /** With it the heading is a button. */
  sort?: { direction: "ascending" | "descending" | "none"; toggle(): void };
}

export interface VirtualTableProps<Row> {
  label: string;
  className: string;
  columns: Column<Row>[];
  rows: number;
  /** Null: it is still on its way. */
  row(index: number): Row | null;
  rowKey(row: Row, index: number): string;
  rowHeight: number;
  /** With it a row can be focused and opened. */
  open?: (row: Row) => void;
  onWindow?: (first: number, last: number) => void;
  empty: ComponentChildren;
}

const beyond = 6;

/** The focus goes to the row of the table `label` that had it last, or to the first one. */
export function focusRow(label: string): void {
  document.querySelector<HTMLElement>(`[role=grid][aria-label="${label}"] [role=row][tabindex="0"]`)?.focus();
}

export function VirtualTable<Row>(props: VirtualTableProps<Row>): VNode {
  const { rows, rowHeight, columns } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const [active, setActive] = useState(0);
  const focusWanted = useRef(false);
  const frame = useRef(0);
  const activeRow = useRef<HTMLDivElement>(null);

  const total = rows * rowHeight;
  const height = Math.min(total, tallestPx);
  // Above tallestPx the bar moves several rows for each of its pixels.
  const scale = height > view.height ? (total - view.height) / (height - view.height) : 1;
  const top = total > tallestPx ? view.top * scale : view.top;
  const shown = windowAt(top, view.height, rowHeight, rows, beyond);
  const current = clamp(active, 0, Math.max(0, rows - 1));

  const measure = useCallback(() => {
    frame.current = 0;
    const element = scroller.current;
    if (!element) return;
    const next = { top: element.scrollTop, height: element.clientHeight };
    setView((before) => (before.top === next.top && before.height === next.height ? before : next));
  }, []);

  useLayoutEffect(() => {
    measure();
    const element = scroller.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => {
      observer.disconnect();
      cancelAnimationFrame(frame.current);
    };
  }, [measure]);

  useEffect(() => props.onWindow?.(shown.first, shown.last), [shown.first, shown.last, rows]);

  useLayoutEffect(() => {
    if (focusWanted.current && activeRow.current) {
      focusWanted.current = false;
      activeRow.current.focus({ preventScroll: true });
    }
  });

  const moveTo = (index: number) => {
    const element = scroller.current;
    if (!element) return;
    const target = scrollTo(index, top, view.height, rowHeight);
    if (target !== null) element.scrollTop = total > tallestPx ? target / scale : target;
    focusWanted.current = true;
    setActive(index);
    measure();
  };

  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !props.open) return;
    if (event.target instanceof HTMLButtonElement) return;
    const vi: Record<string, string> = { j: "ArrowDown", k: "ArrowUp" };
    const target = rowForKey(vi[event.key] ?? event.key, current, rows, Math.floor(view.height / rowHeight));
    if (target !== null) {
      event.preventDefault();
      moveTo(target);
    } else if (event.key === "Enter" || event.key === " ") {
      const row = props.row(current);
      if (row === null) return;
      event.preventDefault();
      props.open(row);
    }
  };

  const indexes: number[] = [];
  // The row that has the focus stays in the document while it is out of sight.
  if (props.open && rows > 0 && current < shown.first) indexes.push(current);
  for (let index = shown.first; index < shown.last; ++index) indexes.push(index);
  if (props.open && rows > 0 && current >= shown.last) indexes.push(current);

  return (
    <div class={`table ${props.className}`}>
      <div
        class="table-scroll"
        ref={scroller}
        {...(props.open && rows > 0 ? {} : { tabIndex: 0, role: "group", "aria-label": `${props.label}: scroll` })}
        onScroll={() => {
          frame.current ||= requestAnimationFrame(measure);
        }}
      >
        <div
          class="table-inside"
          role={props.open ? "grid" : "table"}
          aria-label={props.label}
          aria-rowcount={rows + 1}
          aria-colcount={columns.length}
          aria-readonly={props.open ? "true" : undefined}
          onKeyDown={onKey}
        >
        <div class="table-head" role="rowgroup">
          <div class="table-row" role="row" aria-rowindex={1}>
            {columns.map((column) => (
              <div
                key={column.key}
                role="columnheader"
                class={`cell ${column.className ?? ""}`}
                aria-sort={column.sort?.direction === "none" ? undefined : column.sort?.direction}
              >
                {column.sort ? (
                  <button type="button" class="sort" onClick={column.sort.toggle}>
                    {column.title}
                    <span class={`arrow ${column.sort.direction}`} aria-hidden="true" />
                  </button>
                ) : (
                  column.title
                )}
              </div>
            ))}
          </div>
        </div>
        <div class="table-body" role="rowgroup" style={{ height: `${height}px` }}>
          {indexes.map((index) => {
            const row = props.row(index);
            return (
              <TableRow<Row>
                key={row === null ? `waiting-${index}` : props.rowKey(row, index)}
                row={row}
                index={index}
                columns={columns}
                height={rowHeight}
                place={index * rowHeight - top + view.top}
                active={index === current}
                activeRow={activeRow}
                open={props.open}
                onActive={setActive}
              />
            );
          })}
        </div>
        </div>
      </div>
      {rows === 0 ? <div class="table-empty">{props.empty}</div> : null}
    </div>
  );
}

interface RowProps<Row> {
  row: Row | null;
  index: number;
  columns: Column<Row>[];
  height: number;
  place: number; // px from the top
  active: boolean;
  activeRow: RefObject<HTMLDivElement | null>;
  open: ((row: Row) => void) | undefined;
  onActive: (index: number) => void;
}

/** Drawn again only when something of it is another one: most rows stay as they are while the list is scrolled. */
class TableRow<Row> extends Component<RowProps<Row>> {
  override shouldComponentUpdate(next: RowProps<Row>): boolean {
    const before = this.props;
    return (
      next.row !== before.row ||
      next.index !== before.index ||
      next.columns !== before.columns ||
      next.height !== before.height ||
      next.place !== before.place ||
      next.active !== before.active ||
      next.open !== before.open
    );
  }

  override render({ row, index, columns, height, place, active, activeRow, open, onActive }: RowProps<Row>): VNode {
    const rowRole = open ? "gridcell" : "cell";
    return (
      <div
        ref={active ? activeRow : undefined}
        class={`table-row body-row${index % 2 ? " odd" : ""}`}
        role="row"
        aria-rowindex={index + 2}
        tabIndex={open ? (active ? 0 : -1) : undefined}
        style={{ height: `${height}px`, transform: `translateY(${place}px)` }}
        onFocus={() => onActive(index)}
        onClick={
          open && row !== null
            ? (event: MouseEvent) => {
                if (event.target instanceof Element && event.target.closest("a, button")) return;
                if ((getSelection()?.toString() ?? "") !== "") return;
                open(row);
              }
            : undefined
        }
      >
        {columns.map((column) => (
          <div key={column.key} role={rowRole} class={`cell ${column.className ?? ""}`}>
            {row === null ? <span class="waiting">…</span> : column.cell(row)}
          </div>
        ))}
      </div>
    );
  }
}
