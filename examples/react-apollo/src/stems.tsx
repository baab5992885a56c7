import type { SeparationFieldsFragment } from '@stemgate/client/documents'

/** The stems of a task, to play and to save. */
export function Stems({ task }: { readonly task: SeparationFieldsFragment }) {
  return (
    <>
      <ul>
        {task.allStems.map(({ id, part, label, url }) => (
          <li key={id}>
            <span id={id}>{label ?? part}</span>
            <audio controls preload="metadata" src={url} aria-labelledby={id} />
            <a href={`${url}?download=1`}>Download {part}</a>
          </li>
        ))}
      </ul>
      {task.archiveUrl !== null && <a href={task.archiveUrl}>Download all</a>}
    </>
  )
}
