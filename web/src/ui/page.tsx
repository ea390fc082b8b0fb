/** The frame of a page: its title, which is also the document's, and the way back up. */

import { useEffect } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { useCity } from "../state/city";
import { inWords } from "../state/language";

export interface Crumb {
  title: string;
  to: string;
}

interface Props {
  title: string;
  sub?: ComponentChildren;
  crumbs?: Crumb[];
  actions?: ComponentChildren;
  testid: string;
  children: ComponentChildren;
}

export function useTitle(title: string): void {
  const city = inWords(useCity().data?.title);
  useEffect(() => {
    document.title = [title, city, "CityTwin"].filter(Boolean).join(" · ");
  }, [title, city]);
}

export function Page({ title, sub, crumbs = [], actions, testid, children }: Props) {
  useTitle(title);
  return (
    <div class="page" data-testid={testid}>
      <header class="page-head">
        <div>
          {crumbs.length > 0 && (
            <nav class="crumbs">
              {crumbs.map((crumb) => (
                <span key={crumb.to}>
                  <a href={crumb.to}>{crumb.title}</a> /
                </span>
              ))}
            </nav>
          )}
          <h1 class="break">{title}</h1>
          {sub && <div class="sub">{sub}</div>}
        </div>
        {actions && <div class="row wrap">{actions}</div>}
      </header>
      {children}
    </div>
  );
}
