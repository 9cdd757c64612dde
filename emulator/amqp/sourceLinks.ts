import type { Sender } from 'rhea';
import type { LinkSource } from './links';
import { OutgoingLink } from './outgoingLink';

/** The links on which a client receives messages of one kind. */
interface SourceLinks {
  attach(link: Sender, onClose: () => void): LinkSource;
  /** In the order in which the client attached them. */
  all(): readonly OutgoingLink[];
}

export function createSourceLinks(): SourceLinks {
  const links = new Set<OutgoingLink>();
  return {
    attach(link, onClose) {
      const outgoing = new OutgoingLink(link);
      links.add(outgoing);
      return {
        wake: () => outgoing.flush(),
        close(error) {
          links.delete(outgoing);
          if (error) link.close({ ...error });
          onClose();
        },
      };
    },
    all: () => [...links],
  };
}
