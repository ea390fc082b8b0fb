/** Something, or why it is not there: loading, failed, empty. */

import type { ComponentChildren } from "preact";
import { Problem, type Failure } from "../api/client";
import type { Resource } from "../state/resource";
import { say } from "./text";

export const Loading = () => (
  <div class="state" role="status">
    <span class="spinner" />
    {say("loading")}
  </div>
);

export const Empty = ({ children }: { children?: ComponentChildren }) => (
  <div class="state" data-testid="empty">
    {children ?? say("nothing")}
  </div>
);

export function Failed({ failure }: { failure: Failure }) {
  const known = failure instanceof Problem ? failure : null;
  return (
    <div class="state failure" role="alert" data-testid="failure">
      <strong>{say("failed")}</strong>
      <span>{known ? known.detail || known.title || `HTTP ${known.status}` : say("unreachable")}</span>
      {known?.hint && (
        <span class="small">
          {say("hint")}: {known.hint}
        </span>
      )}
      {known?.faults.slice(0, 5).map((fault) => (
        <span class="small mono" key={fault.where + fault.code}>
          {fault.where}: {fault.message}
        </span>
      ))}
    </div>
  );
}

interface Props<T> {
  of: Resource<T>;
  empty?: (data: T) => boolean;
  children: (data: T) => ComponentChildren;
}

export function Show<T>({ of, empty, children }: Props<T>) {
  if (of.data !== undefined) return empty?.(of.data) ? <Empty /> : <>{children(of.data)}</>;
  return of.failure ? <Failed failure={of.failure} /> : <Loading />;
}
