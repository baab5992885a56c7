import { useEffect, useState } from 'preact/hooks'

/** The id of the task that the address names after `#`; null if it names none. A reload and the back button keep it. */
export function useSelectedTask(): string | null {
  const [hash, setHash] = useState(location.hash)
  useEffect(() => {
    const update = () => setHash(location.hash)
    window.addEventListener('hashchange', update)
    return () => window.removeEventListener('hashchange', update)
  }, [])
  return hash.length > 1 ? decodeHash(hash.slice(1)) : null
}

function decodeHash(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
