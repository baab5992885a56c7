import { ApolloProvider } from '@apollo/client/react'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { client } from './client'
import { Player } from './player'

const root = document.getElementById('root')
if (root === null) throw new Error('The page has no element #root.')
createRoot(root).render(
  <StrictMode>
    <ApolloProvider client={client}>
      <Player />
    </ApolloProvider>
  </StrictMode>,
)
