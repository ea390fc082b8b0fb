/** A component that is drawn again only when one of its props changed, or a signal that it reads itself. */

import { Component, type FunctionComponent } from "preact";

export function still<P extends object>(Inner: FunctionComponent<P>) {
  return class Still extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      const now = this.props as Record<string, unknown>;
      return Object.entries(next).some(([name, value]) => now[name] !== value);
    }

    override render() {
      return <Inner {...(this.props as P)} />;
    }
  };
}
